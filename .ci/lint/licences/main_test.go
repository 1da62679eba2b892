package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const gpl = `
This program is free software; you can redistribute it and/or modify it under the terms of the GNU General Public License as
published by the Free Software Foundation; either version 2 of the License, or (at your option) any later version.

This program is distributed in the hope that it will be useful, but WITHOUT ANY WARRANTY; without even the implied warranty of
MERCHANTABILITY or FITNESS FOR A PARTICULAR PURPOSE. See the GNU General Public License for more details.
`

func TestRefused(t *testing.T) {
	mit, err := os.ReadFile("../../../api/docs/LICENSE.scalar")
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct{ name, text, want string }{
		{"allowed", string(mit), ""},
		{"another", gpl, "GPL-2.0-or-later is not on the list"},
		{"two, one of them allowed", string(mit) + gpl, "GPL-2.0-or-later is not on the list"},
		{"no licence", "All rights reserved.\n", "only 0%"},
		{"more than a licence", string(mit) + strings.Repeat("\nYou may not use this for good.\n", 60), "only"},
		{"empty", "", "only 0%"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := refused([]byte(tt.text)); !strings.Contains(got, tt.want) || (got == "") != (tt.want == "") {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestModuleWithoutLicence(t *testing.T) {
	dir := t.TempDir()
	bad, err := checkModule(dir, "example.com/m", []string{dir})
	if err != nil || !slices.Equal(bad, []string{"example.com/m: no licence"}) {
		t.Errorf("got %q, %v", bad, err)
	}
	inside := filepath.Join(dir, "copied")
	if err := os.Mkdir(inside, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{filepath.Join(dir, "LICENSE"), filepath.Join(inside, "COPYING")} {
		if err := os.WriteFile(name, []byte("All rights reserved.\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	bad, err = checkModule(dir, "example.com/m", []string{dir, inside, dir})
	if err != nil || len(bad) != 2 || !strings.HasPrefix(bad[1], "example.com/m/copied/COPYING: ") {
		t.Errorf("got %q, %v", bad, err)
	}
}
