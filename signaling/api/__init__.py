"""The doors without WebRTC: streams by WebSocket and HTTP, uploads, documents, their OpenAPI."""
