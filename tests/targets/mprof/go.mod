module gosnap.test/mprof

go 1.21
