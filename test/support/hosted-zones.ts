import { CreateHostedZoneCommand, Route53Client } from '@aws-sdk/client-route-53';
import type { LifeLab } from './life-lab.ts';

/** A second public zone of a name, of which DNS knows nothing. */
export async function createDouble(lab: LifeLab, name: string): Promise<void> {
  const { endpoint, region, credentials: keys } = lab.stack.route53;
  const route53 = new Route53Client({ endpoint, region, credentials: keys });
  try {
    await route53.send(new CreateHostedZoneCommand({ Name: name, CallerReference: crypto.randomUUID() }));
  } finally {
    route53.destroy();
  }
}
