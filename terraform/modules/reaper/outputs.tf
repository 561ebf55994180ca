output "function" {
  description = "Its name, log and rhythm, as the alarms want them."
  value = {
    function      = aws_lambda_function.reaper.function_name
    log_group     = aws_cloudwatch_log_group.reaper.name
    every_minutes = var.every_minutes
  }
}
