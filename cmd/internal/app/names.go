package app

import "context"

// environmentNames and secretNames are for completion: they give nothing when
// anything at all stands in the way.

func (a *app) environmentNames(context.Context) []string { return nil }

func (a *app) secretNames(context.Context, []string) []string { return nil }
