pool("late", 1)
calendar "closed" { yearly = "01-02" }
