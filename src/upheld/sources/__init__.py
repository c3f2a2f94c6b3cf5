"""Sources that measurements are fetched from: subjects of NATS, queues of AMQP, topics of Kafka, folders of files."""
