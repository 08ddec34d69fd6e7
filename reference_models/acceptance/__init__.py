"""When a model passes: a conjunction of bars that were fixed before training, and samples that must fail them."""
