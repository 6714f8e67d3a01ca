"""A language model as the author: prompt, served model, reply to plan, transcripts."""
