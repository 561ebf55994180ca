# A small instance that runs `restoredrill serve`. It can be lost at any time: what it knows is in the vault.

locals {
  install = join(" && ", var.install)

  files = [for name, text in var.schedules : {
    path        = "/etc/restoredrill/schedules/${name}"
    permissions = "0644"
    encoding    = "b64"
    content     = base64encode(text)
  }]

  cloud_config = {
    users  = [{ name = "restoredrill", system = true, shell = "/usr/sbin/nologin", homedir = "/var/lib/restoredrill" }]
    locale = false
    write_files = concat(local.files, [{
      path        = "/etc/systemd/system/restoredrill.service"
      permissions = "0644"
      encoding    = "b64"
      content     = filebase64("${path.module}/restoredrill.service")
    }])
    runcmd = [
      "test -x /usr/local/bin/restoredrill || { ${local.install}; }",
      "systemctl enable --now restoredrill.service",
    ]
  }

  user_data = join("\n", ["#cloud-config", yamlencode(local.cloud_config)])
}

resource "aws_security_group" "controller" {
  name        = "${var.name}-controller"
  description = "The controller: nothing comes in"
  vpc_id      = var.vpc_id
  tags        = merge(var.tags, { Name = "${var.name}-controller" })
}

resource "aws_instance" "controller" {
  ami                         = var.image
  instance_type               = var.instance_type
  subnet_id                   = var.subnet_id
  associate_public_ip_address = local.public_address
  vpc_security_group_ids      = concat([aws_security_group.controller.id], var.extra_security_groups)
  iam_instance_profile        = var.instance_profile
  ebs_optimized               = true
  user_data_base64            = base64encode(local.user_data)
  tags                        = merge(var.tags, { Name = "${var.name}-controller" })
  volume_tags                 = merge(var.tags, { Name = "${var.name}-controller" })

  metadata_options {
    http_endpoint               = "enabled"
    http_tokens                 = "required"
    http_put_response_hop_limit = 1
  }

  root_block_device {
    volume_type           = "gp3"
    volume_size           = 16
    encrypted             = true
    kms_key_id            = var.key_arn
    delete_on_termination = true
  }

  lifecycle {
    precondition {
      condition     = length(local.user_data) <= 16384
      error_message = "The schedules are too long for user data (16 KB): bake them into the image, or bring them some other way."
    }
  }
}
