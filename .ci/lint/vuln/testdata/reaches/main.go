// Command reaches calls one function that a test says is vulnerable.
package main

import (
	"encoding/json"
	"fmt"
)

func main() { fmt.Println(json.Marshal(1)) }
