"""What every bar carries beside its values, for tables that tests write by hand."""

UNMARKED = {"source": "file", "basis": "as_traded", "role": "primary", "why": "", "mark": "", "remark": ""}
"""An ordinary bar of the primary feed."""
