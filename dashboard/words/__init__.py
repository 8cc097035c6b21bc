"""What the pages say: labels, numbers and settings in words, without Streamlit."""
