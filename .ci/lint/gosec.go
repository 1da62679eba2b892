package main

import (
	"github.com/securego/gosec/v2/goanalysis"
	"golang.org/x/tools/go/analysis"
)

func security() *analysis.Analyzer { return goanalysis.Analyzer }
