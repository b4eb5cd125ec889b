module berth.dev/test/lab/tools

go 1.26.0
