output "bucket" {
  description = "Its name."
  value       = aws_s3_bucket.vault.bucket
}

output "bucket_arn" {
  description = "Its ARN."
  value       = aws_s3_bucket.vault.arn
}

output "key_arn" {
  description = "The ARN of the key that encrypts it."
  value       = aws_kms_key.vault.arn
}
