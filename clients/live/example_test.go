package live_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log"
	"os"
	"os/signal"

	"github.com/openinsure/openinsure/clients/live"
)

// A program that prints what is said in a room, says hello, and keeps where it
// is for the next time.
func Example() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	const room = "room_01J8K3M4N5P6Q7R8S9T0V1W2X3"
	client, err := live.New(live.Config{
		URL: "https://api.example.com", Room: room,
		Credential: func(context.Context) (string, error) { return os.Getenv("OPENINSURE_TOKEN"), nil },
	})
	if err != nil {
		log.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() {
		ended <- client.Run(ctx, func(_ context.Context, e live.Event) error {
			switch e := e.(type) {
			case live.Init:
				fmt.Printf("the room: %s\n", e.Room)
			case live.Entry:
				var m struct {
					Author struct{ Name string }
					Body   string
				}
				if e.Event.Type != "deal_room.message_posted" {
					return nil // types that we do not know are none of our business
				}
				if err := json.Unmarshal(e.Event.Data, &m); err != nil {
					return err
				}
				fmt.Printf("%d %s: %s\n", e.Seq, m.Author.Name, m.Body)
			case live.Reset:
				fmt.Println("something was missed: load the messages by REST")
			}
			return nil
		})
	}()
	// Not in the Handler, which would wait for itself.
	if _, err := client.Post(ctx, live.Message{Channel: "room:" + room, Body: "Hello."}); err != nil {
		log.Print(err)
	}
	fmt.Println(<-ended, client.Positions()) // keep them: the next Config's Since
}
