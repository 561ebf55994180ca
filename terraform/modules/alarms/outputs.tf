output "topic_arn" {
  description = "Where alarms are told: more subscriptions, of a chat or a pager, go here."
  value       = aws_sns_topic.alarms.arn
}
