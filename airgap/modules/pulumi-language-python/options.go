package main

import (
	"context"
	"fmt"
	"os"
	"sort"

	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"github.com/pulumi/pulumi/sdk/v3/python/toolchain"
)

// parseOptions reads what stands under `runtime: options:` in Pulumi.yaml or PulumiPolicy.yaml.
func parseOptions(info *pulumirpc.ProgramInfo) (toolchain.PythonOptions, error) {
	parsed := toolchain.PythonOptions{Root: info.GetRootDirectory(), ProgramDir: info.GetProgramDirectory()}
	options := info.GetOptions().AsMap()
	names := make([]string, 0, len(options))
	for name := range options {
		names = append(names, name)
	}
	sort.Strings(names) // so that of several mistakes always the same one is reported
	for _, name := range names {
		value, ok := options[name].(string)
		if !ok {
			return parsed, fmt.Errorf("runtime option %q: expected a string, found %v", name, options[name])
		}
		if err := setOption(&parsed, name, value); err != nil {
			return parsed, err
		}
	}
	return parsed, nil
}

func setOption(parsed *toolchain.PythonOptions, name, value string) error {
	unknown := func(allowed string) error {
		return fmt.Errorf("runtime option %q: expected one of %s, found %q", name, allowed, value)
	}
	switch name {
	case "virtualenv":
		parsed.Virtualenv = value
	case "toolchain":
		switch value {
		case "auto":
			parsed.Toolchain = toolchain.Auto
		case "pip":
			parsed.Toolchain = toolchain.Pip
		case "uv":
			parsed.Toolchain = toolchain.Uv
		case "poetry":
			parsed.Toolchain = toolchain.Poetry
		default:
			return unknown("auto, pip, uv, poetry")
		}
	case "typechecker":
		switch value {
		case "", "none":
			parsed.Typechecker = toolchain.TypeCheckerNone
		case "mypy":
			parsed.Typechecker = toolchain.TypeCheckerMypy
		case "pyright":
			parsed.Typechecker = toolchain.TypeCheckerPyright
		default:
			return unknown("none, mypy, pyright")
		}
	default:
		return fmt.Errorf("runtime option %q is unknown: expected virtualenv, toolchain or typechecker", name)
	}
	return nil
}

// resolve returns the toolchain that a program names; its virtual environment may be missing.
func resolve(info *pulumirpc.ProgramInfo) (toolchain.Toolchain, error) {
	options, err := parseOptions(info)
	if err != nil {
		return nil, err
	}
	return toolchain.ResolveToolchain(options)
}

// ensure returns the toolchain of a program after it has made a missing virtual environment.
func ensure(ctx context.Context, info *pulumirpc.ProgramInfo) (toolchain.Toolchain, error) {
	python, err := resolve(info)
	if err != nil {
		return nil, err
	}
	if err := python.EnsureVenv(ctx, info.GetProgramDirectory(), false, true, os.Stdout, os.Stderr); err != nil {
		return nil, err
	}
	return python, python.ValidateVenv(ctx)
}
