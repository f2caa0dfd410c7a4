module gosnap.test/vitals

go 1.21

require gosnap.test/ready v0.0.0

replace gosnap.test/ready => ../ready
