import { CreateHostedZoneCommand, Route53Client } from '@aws-sdk/client-route-53';
import type { E2eHarness } from '../e2e/harness.ts';

/** A public zone, perhaps the second of its name, of which DNS knows nothing. @returns its id. */
export async function createDouble(lab: E2eHarness, name: string): Promise<string> {
  const { endpoint, region, credentials: keys } = lab.stack.route53;
  const route53 = new Route53Client({ endpoint, region, credentials: keys });
  try {
    const { HostedZone } = await route53.send(
      new CreateHostedZoneCommand({ Name: name, CallerReference: crypto.randomUUID() }),
    );
    return HostedZone?.Id?.replace('/hostedzone/', '') ?? '';
  } finally {
    route53.destroy();
  }
}
