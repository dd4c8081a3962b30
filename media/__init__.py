"""Peers, sessions, frames and messages; knows WebRTC and no HTTP."""
