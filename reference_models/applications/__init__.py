"""What trained generators are good for, as functions of their latents."""
