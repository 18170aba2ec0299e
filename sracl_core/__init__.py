"""SRA-CL: sequential recommendation that learns from what people did and from what items mean."""
