"""Where events for other systems are sent: webhooks, NATS JetStream, AMQP, Kafka, and the hubs of TMF688."""
