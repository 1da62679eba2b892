package main

import _ "time/tzdata" // the container has no time zones, and people are quiet in their own
