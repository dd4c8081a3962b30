"""What is stored of guests where the operator asks for it: encrypted, for a time, provably gone."""
