"""One test for each row of docs/then_and_now.yaml, at the installed versions."""
