"""What the pages say: labels, numbers, settings and runs in words, without Streamlit."""
