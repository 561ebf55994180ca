"""What every user of AWS needs: a client that is who it should be, and errors in our own words."""
