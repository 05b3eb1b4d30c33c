package remote

import (
	"context"
	"fmt"

	"github.com/pkg/sftp"
	p "github.com/pulumi/pulumi-go-provider"
	"github.com/pulumi/pulumi-go-provider/infer"
	"github.com/pulumi/pulumi-go-provider/infer/types"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
)

// CopyToRemote is the resource command:remote:CopyToRemote. Deleting it leaves the copy where it is.
type CopyToRemote struct{}

// CopyArgs are its inputs.
type CopyArgs struct {
	Connection Connection           `pulumi:"connection" provider:"secret"`
	Triggers   *[]any               `pulumi:"triggers,optional" provider:"replaceOnChanges"`
	Source     types.AssetOrArchive `pulumi:"source"`
	RemotePath string               `pulumi:"remotePath"`
}

// CopyState is what Pulumi keeps of it.
type CopyState struct{ CopyArgs }

// Check refuses sources that are not on this machine.
func (CopyToRemote) Check(ctx context.Context, req infer.CheckRequest) (infer.CheckResponse[CopyArgs], error) {
	args, failures, err := infer.DefaultCheck[CopyArgs](ctx, req.NewInputs)
	if err != nil || len(failures) > 0 {
		return infer.CheckResponse[CopyArgs]{Inputs: args, Failures: failures}, err
	}
	asset, archive := args.Source.Asset, args.Source.Archive
	reason := ""
	switch {
	case (asset == nil) == (archive == nil):
		reason = "expected either an asset or an archive"
	case asset != nil && !asset.IsPath() && !asset.IsText():
		reason = "expected a FileAsset, a StringAsset or a FileArchive, found another kind of asset"
	case archive != nil && !archive.IsPath():
		reason = "expected a FileAsset, a StringAsset or a FileArchive, found another kind of archive"
	}
	if reason != "" {
		failures = append(failures, p.CheckFailure{Property: "source", Reason: reason})
	}
	return infer.CheckResponse[CopyArgs]{Inputs: args, Failures: failures}, nil
}

// Create copies the source.
func (CopyToRemote) Create(
	ctx context.Context, req infer.CreateRequest[CopyArgs],
) (infer.CreateResponse[CopyState], error) {
	id, err := resource.NewUniqueHex("", idBytes, 0)
	if err != nil {
		return infer.CreateResponse[CopyState]{}, err
	}
	if !req.DryRun {
		err = req.Inputs.copy(ctx)
	}
	return infer.CreateResponse[CopyState]{ID: id, Output: CopyState{req.Inputs}}, err
}

// Update copies the source when it, or its place on the host, has changed.
func (CopyToRemote) Update(
	ctx context.Context, req infer.UpdateRequest[CopyArgs, CopyState],
) (infer.UpdateResponse[CopyState], error) {
	changed := req.Inputs.hash() != req.State.hash() || req.Inputs.RemotePath != req.State.RemotePath
	var err error
	if changed && !req.DryRun {
		err = req.Inputs.copy(ctx)
	}
	return infer.UpdateResponse[CopyState]{Output: CopyState{req.Inputs}}, err
}

// hash is the one that the engine makes of the source's content.
func (a CopyArgs) hash() string {
	if a.Source.Asset != nil {
		return a.Source.Asset.Hash
	}
	return a.Source.Archive.Hash
}

func (a CopyArgs) copy(ctx context.Context) error {
	host, err := a.Connection.connect(ctx)
	if err != nil {
		return err
	}
	defer host.Close()
	stop := context.AfterFunc(ctx, func() { _ = host.Client.Close() })
	defer stop()
	if err := a.upload(host); err != nil {
		if ctx.Err() != nil {
			err = fmt.Errorf("%w: %w", cancelled(ctx), err)
		}
		return fmt.Errorf("%s: copying to %s: %w", host.where, a.RemotePath, err)
	}
	return nil
}

func (a CopyArgs) upload(host *client) error {
	files, err := sftp.NewClient(host.Client, sftp.UseConcurrentWrites(true))
	if err != nil {
		return fmt.Errorf("starting sftp (sshd_config needs a line Subsystem sftp): %w", err)
	}
	defer files.Close()
	target := remoteFiles{files}
	switch asset := a.Source.Asset; {
	case asset != nil && asset.IsText():
		return target.putText(asset.Text, a.RemotePath)
	case asset != nil:
		return target.put(asset.Path, a.RemotePath)
	default:
		return target.put(a.Source.Archive.Path, a.RemotePath)
	}
}
