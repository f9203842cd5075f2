import { ListResourceRecordSetsCommand, type Route53Client } from '@aws-sdk/client-route-53';

/** All TXT sets of a zone at Route 53, page by page: names without the trailing dot, values as quoted. */
export async function readTxtSets(
  client: Route53Client,
  zoneId: string,
): Promise<ReadonlyMap<string, readonly string[]>> {
  const sets = new Map<string, readonly string[]>();
  let start: string | undefined;
  do {
    const page = await client.send(
      new ListResourceRecordSetsCommand({
        HostedZoneId: zoneId,
        ...(start === undefined ? {} : { StartRecordName: start }),
      }),
    );
    for (const { Name = '', Type, ResourceRecords = [] } of page.ResourceRecordSets ?? []) {
      if (Type === 'TXT')
        sets.set(
          Name.replace(/\.$/, ''),
          ResourceRecords.map(({ Value }) => Value ?? ''),
        );
    }
    start = page.IsTruncated === true ? page.NextRecordName : undefined;
  } while (start !== undefined);
  return sets;
}
