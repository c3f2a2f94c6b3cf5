"""What follows from what happened for those who are to hear of it: notices recorded, and sent."""
