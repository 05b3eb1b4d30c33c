package main

import (
	"context"
	"fmt"
	"os"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/python/toolchain"
)

// typecheck runs the type checker that the project names over the program's folder.
func typecheck(
	ctx context.Context, python toolchain.Toolchain, options toolchain.PythonOptions, folder string,
) error {
	if options.Typechecker == toolchain.TypeCheckerNone {
		return nil
	}
	checker := strings.ToLower(toolchain.TypeCheckerName(options.Typechecker))
	probe, err := python.Command(ctx, "-c", "import "+checker)
	if err != nil {
		return err
	}
	if err := probe.Run(); err != nil {
		return fmt.Errorf("the runtime option typechecker names %[1]s, which is not installed: add %[1]s to the"+
			" requirements, or take the option away", checker)
	}
	cmd, err := python.ModuleCommand(ctx, checker, folder)
	if err != nil {
		return err
	}
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	if err := finish(cmd); err != nil {
		return fmt.Errorf("%s refused the program in %s: %w", checker, folder, err)
	}
	return nil
}
