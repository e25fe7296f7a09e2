"""What a gateway is told: plans become Envoy's own resources, checked before they leave."""
