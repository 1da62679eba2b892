# Full submission → quote → bind in bash
API="https://api.openinsure.dev/v1"
TOKEN="your_api_key_here"
# Create submission
SUB_ID=$(curl -s -X POST $API/submissions \
-H "X-API-Key: $TOKEN" \
-H "Content-Type: application/json" \
-d '{
"insuredName": "Pacific Coast Builders",
"naicsCode": "236220",
"annualRevenue": 8000000,
"requestedLimit": 1000000,
"effectiveDate": "2026-05-01",
"state": "OR",
"lineOfBusiness": "GL"
}' | jq -r '.id')
# Get quote
QUOTE=$(curl -s -X POST $API/submissions/$SUB_ID/quote \
-H "X-API-Key: $TOKEN")
echo "Premium: $(echo $QUOTE | jq '.grossPremium')"
# Bind
POLICY=$(curl -s -X POST $API/submissions/$SUB_ID/bind \
-H "X-API-Key: $TOKEN" \
-H "Content-Type: application/json" \
-d '{"installmentPlan":"MONTHLY_10"}')
echo "Policy: $(echo $POLICY | jq -r '.policyNumber')"
