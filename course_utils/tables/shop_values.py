"""What the shop knows of its own tables: the values that columns may have, and how ids look."""

CHANNELS = ("email", "form", "chat", "phone", "marketplace")
CATEGORIES = (
    "delivery",
    "order change",
    "returns",
    "refunds",
    "payment",
    "gift cards",
    "account",
    "trail club",
    "repairs",
    "advice",
    "stock",
    "rental and second hand",
)
PRIORITIES = ("low", "normal", "high", "urgent")
STATUSES = ("open", "shipped", "delivered", "cancelled", "refunded")
PAYMENTS = (
    "card",
    "PayPal",
    "bank transfer",
    "gift card",
    "iDEAL",
    "Bancontact",
    "pay later",
)
COUPONS = ("WELCOME5", "BLACK15", "SPRING10", "CLUB10")
COUNTRIES = ("NL", "BE", "DE", "FR", "GB", "AT", "CH", "DK", "NO")
COUNTRY_NAMES = {
    "Nederland": "NL",
    "The Netherlands": "NL",
    "Netherlands": "NL",
    "Holland": "NL",
    "België": "BE",
    "Belgique": "BE",
    "Belgium": "BE",
    "Deutschland": "DE",
    "Germany": "DE",
    "GER": "DE",
}
FOUR_DIGIT_POSTCODES = ("AT", "BE", "CH", "DK", "NO")
CITIES = (
    "Aachen",
    "Aarhus",
    "Antwerp",
    "Arnhem",
    "Bern",
    "Bourg-en-Bresse",
    "Breda",
    "Bremen",
    "Bristol",
    "Bruges",
    "Chur",
    "Cologne",
    "Dresden",
    "Ghent",
    "Graz",
    "Grenoble",
    "Groningen",
    "Haarlem",
    "Halle",
    "Innsbruck",
    "Inverness",
    "Leeds",
    "Leiden",
    "Leipzig",
    "Lille",
    "Liège",
    "Münster",
    "Namur",
    "Nice",
    "Odense",
    "Oslo",
    "Tromsø",
    "Utrecht",
    "Venlo",
    "Zwolle",
)  # that it delivers to, as the carriers spell them
BRANDS = ("Tarnfell", "Norrvik", "Brekka", "Oldmoor", "Quarrow", "Pinehall")
LINES = ("AL", "CL", "LE", "NA")  # NA is the North Atlantic line
PRODUCT_CATEGORIES = (
    "tents",
    "sleeping",
    "packs",
    "jackets",
    "clothing",
    "boots",
    "stoves",
    "water",
    "lamps",
    "climbing",
    "poles",
    "repair",
)
TEST_CUSTOMER = "000001"  # the developers' account
HOURS_UNTIL = "2025-01-01 00:00"  # before it, response_minutes holds hours
PATTERNS = {
    "customer_id": r"^\d{6}$",
    "sku": r"^[A-Z]{2}-\d{4}$",
    "order_id": r"^(CW-\d{6}|R-\d{5})$",
    "sale_id": r"^CW-\d{6}$",
    "ticket_id": r"^T-\d{6}$",
    "warehouse_bin": r"^\d{3}$",
    "email": r"^[a-z0-9.\-]+@[a-z0-9.\-]+$",
}
