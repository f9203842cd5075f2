/**
 * Of each partition of AWS but the commercial one, how its regions begin, and the region by which its Route 53 is
 * addressed: it is one service there, with zones and credentials of its own.
 */
const PARTITIONS: readonly (readonly [prefix: string, region: string])[] = [
  ['us-gov-', 'us-gov-west-1'],
  ['cn-', 'cn-northwest-1'],
  ['eusc-', 'eusc-de-east-1'],
];

/** @param region of a cluster whose credentials are used, such as `us-gov-east-1`. */
export function route53Region(region: string): string {
  return PARTITIONS.find(([prefix]) => region.startsWith(prefix))?.[1] ?? 'us-east-1';
}

/** For certman's own credentials, whose zones may be in another partition than a cluster: by the SDK's `AWS_REGION`. */
export function ownRegion(): string {
  return route53Region(process.env['AWS_REGION'] ?? '');
}
