import { ListResourceRecordSetsCommand, type Route53Client } from '@aws-sdk/client-route-53';

/** Values as quoted. */
export interface StoredTxtSet {
  readonly ttl: number;
  readonly values: readonly string[];
}

/** All TXT sets of a zone at Route 53, page by page: names without the trailing dot, values as quoted. */
export async function readTxtSets(
  client: Route53Client,
  zoneId: string,
): Promise<ReadonlyMap<string, readonly string[]>> {
  return new Map([...(await readStoredTxtSets(client, zoneId))].map(([name, { values }]) => [name, values]));
}

/** All TXT sets of a zone as they are stored, page by page: names without the trailing dot. */
export async function readStoredTxtSets(
  client: Route53Client,
  zoneId: string,
): Promise<ReadonlyMap<string, StoredTxtSet>> {
  const sets = new Map<string, StoredTxtSet>();
  let start: string | undefined;
  do {
    const page = await client.send(
      new ListResourceRecordSetsCommand({
        HostedZoneId: zoneId,
        ...(start === undefined ? {} : { StartRecordName: start }),
      }),
    );
    for (const { Name = '', Type, TTL = 0, ResourceRecords = [] } of page.ResourceRecordSets ?? []) {
      if (Type !== 'TXT') continue;
      sets.set(Name.replace(/\.$/, ''), { ttl: TTL, values: ResourceRecords.map(({ Value }) => Value ?? '') });
    }
    start = page.IsTruncated === true ? page.NextRecordName : undefined;
  } while (start !== undefined);
  return sets;
}
