module gosnap.test/ready

go 1.21
