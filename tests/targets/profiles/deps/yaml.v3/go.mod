module example.com/dotted/yaml.v3

go 1.21
