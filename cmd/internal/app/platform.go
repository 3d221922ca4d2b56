package app

import "runtime"

// foldsCase says whether names of variables have no case here.
func foldsCase() bool { return runtime.GOOS == "windows" }
