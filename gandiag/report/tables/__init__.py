"""Tables of a report: for a paper, for a page, for a spreadsheet."""
