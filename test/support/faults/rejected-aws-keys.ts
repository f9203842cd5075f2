/** Access keys that Route 53 refuses, each in its own words. */
import type { E2eHarness } from '../e2e/harness.ts';

export const BAD_KEYS = { AccessDenied: 'AKIADENIED00000001', InvalidClientTokenId: 'AKIAUNKNOWN0000001' } as const;

/** Route 53 refuses those keys as AWS does: 403 and its XML. */
export function rejectBadKeys(lab: E2eHarness): void {
  const words = {
    AccessDenied: 'User: arn:aws:iam::123456789012:user/denied is not authorized to perform this action',
    InvalidClientTokenId: 'The security token included in the request is invalid.',
  };
  for (const [code, keyId] of Object.entries(BAD_KEYS)) {
    lab.route53.inject({
      when: ({ headers }) => String(headers['authorization']).includes(`Credential=${keyId}/`),
      fault: {
        kind: 'answer',
        status: 403,
        headers: { 'content-type': 'text/xml' },
        body:
          '<?xml version="1.0"?><ErrorResponse xmlns="https://route53.amazonaws.com/doc/2013-04-01/"><Error>' +
          `<Type>Sender</Type><Code>${code}</Code><Message>${words[code as keyof typeof words]}</Message>` +
          '</Error><RequestId>00000000-0000-0000-0000-000000000000</RequestId></ErrorResponse>',
      },
    });
  }
}
