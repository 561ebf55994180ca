# What holds for every throwaway machine. restoredrill says the rest in the call that starts one (type, subnet,
# size of the disk, role, tags with the lease), and says all of this again: the template is the account's own word
# on it, which a policy can insist on.

locals {
  tags = merge(var.tags, { Name = var.name, "restoredrill:owner" = var.owner })
}

resource "aws_launch_template" "drill" {
  name                                 = "${var.name}-drill"
  description                          = "A throwaway machine of restoredrill"
  update_default_version               = true
  image_id                             = var.image
  instance_initiated_shutdown_behavior = "terminate" # power off = gone
  ebs_optimized                        = true
  tags                                 = var.tags

  # No key pair: nobody logs in.

  metadata_options {
    http_endpoint               = "enabled"
    http_tokens                 = "required"
    http_put_response_hop_limit = 1
  }

  monitoring {
    enabled = false
  }

  block_device_mappings {
    device_name = var.root_device

    ebs {
      volume_type           = "gp3"
      volume_size           = 16
      encrypted             = true
      kms_key_id            = var.key_arn
      delete_on_termination = true
    }
  }

  network_interfaces {
    device_index                = 0
    associate_public_ip_address = false
    delete_on_termination       = true
    security_groups             = var.security_groups
  }

  dynamic "tag_specifications" {
    for_each = local.tagged

    content {
      resource_type = tag_specifications.value
      tags          = local.tags
    }
  }
}
