-- Premiums that a financier pays: the agreement stands with the policy, and each
-- invoice says who owes it. What was billed before is the insured's.
-- +goose Up
ALTER TABLE policy ADD COLUMN premium_finance jsonb;
ALTER TABLE policy ADD CONSTRAINT policy_premium_finance CHECK (
  (installment_plan = 'PREMIUM_FINANCE') = (premium_finance IS NOT NULL)
  AND (premium_finance IS NULL OR premium_finance ?& ARRAY['financier', 'agreementNumber', 'fundingDue'])) NOT VALID;
ALTER TABLE policy VALIDATE CONSTRAINT policy_premium_finance;

ALTER TABLE invoice ADD COLUMN bill_to text NOT NULL DEFAULT 'insured' CHECK (bill_to IN ('insured', 'financier'));
-- The financier's; the insured's name is the policy's.
ALTER TABLE invoice ADD COLUMN bill_to_name text;
ALTER TABLE invoice ADD CONSTRAINT invoice_bill_to_name CHECK ((bill_to = 'insured') = (bill_to_name IS NULL)) NOT VALID;
ALTER TABLE invoice VALIDATE CONSTRAINT invoice_bill_to_name;
