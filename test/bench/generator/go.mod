module berth.dev/bench/generator

go 1.26
