// The official HubSpot client, as it comes from the registry, against the sandbox.
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { after, before, test } from 'node:test';
import { Client, Signature } from '@hubspot/api-client';
import { start, until } from './sandbox.js';

const app = 9393361;
let sandbox;
let client;

const connect = (more = {}) => new Client({ basePath: sandbox.base, accessToken: 'sandbox-token', ...more });

const refused = async (promise) => {
  try {
    await promise;
  } catch (problem) {
    return problem;
  }
  throw new Error('It was not refused.');
};

before(async () => {
  sandbox = await start('hubspot', ['hubspot'], ['--organisations', '2']);
  client = connect();
});

after(async () => {
  await sandbox?.stop();
});

test('a refresh token and a code give access tokens, and a wrong secret does not', async () => {
  const given = await client.oauth.tokensApi.create('refresh_token', undefined, undefined, 'sandbox', 'sandbox', 'sandbox-refresh');
  const info = await client.oauth.accessTokensApi.get(given.accessToken);

  assert.equal(given.expiresIn, 1800);
  assert.equal(info.hubId, 49547190);
  assert.ok(info.scopes.includes('crm.objects.contacts.write'));

  const ask = client.oauth.getAuthorizationUrl('sandbox', 'http://localhost:9/back', 'crm.objects.contacts.read crm.objects.contacts.write', undefined, 'abc');
  const sent = await fetch(ask.replace('https://app.hubspot.com', sandbox.base), { redirect: 'manual' });
  const back = new URL(sent.headers.get('location'));
  const byCode = await client.oauth.tokensApi.create('authorization_code', back.searchParams.get('code'), 'http://localhost:9/back', 'sandbox', 'sandbox');
  const narrow = connect({ accessToken: byCode.accessToken });
  await narrow.crm.contacts.basicApi.getPage(1);
  const beyond = await refused(narrow.crm.companies.basicApi.getPage(1));

  assert.equal(back.searchParams.get('state'), 'abc');
  assert.equal(beyond.code, 403);
  assert.equal(beyond.body.category, 'MISSING_SCOPES');
  assert.equal((await refused(client.oauth.tokensApi.create('authorization_code', back.searchParams.get('code'), 'http://localhost:9/back', 'sandbox', 'sandbox'))).body.status, 'BAD_AUTH_CODE');
  assert.equal((await refused(client.oauth.tokensApi.create('refresh_token', undefined, undefined, 'sandbox', 'wrong', 'sandbox-refresh'))).body.status, 'BAD_CLIENT_SECRET');
  assert.equal((await refused(connect({ accessToken: 'nonsense' }).crm.contacts.basicApi.getPage(1))).code, 401);
});

test('properties describe themselves, and a unique one can be added', async () => {
  const before = await client.crm.properties.coreApi.getAll('contacts');
  const made = await client.crm.properties.coreApi.create('contacts', { name: 'hub_key', label: 'Hub key', type: 'string', fieldType: 'text', groupName: 'contactinformation', hasUniqueValue: true });
  const again = await refused(client.crm.properties.coreApi.create('contacts', { name: 'hub_key', label: 'Hub key', type: 'string', fieldType: 'text', groupName: 'contactinformation' }));

  const email = before.results.find((p) => p.name === 'email');
  const stage = before.results.find((p) => p.name === 'lifecyclestage');
  assert.equal(email.type, 'string');
  assert.equal(stage.options[0].value, 'subscriber');
  assert.ok(before.results.find((p) => p.name === 'lastmodifieddate').modificationMetadata.readOnlyValue);
  assert.equal(made.hasUniqueValue, true);
  assert.equal(again.code, 409);
  assert.ok((await client.crm.properties.groupsApi.getAll('contacts')).results.length >= 1);
});

test('a contact is made, read by id and by address, changed, cleared and archived', async () => {
  const made = await client.crm.contacts.basicApi.create({ properties: { email: ' Ada@Example.com ', firstname: 'Ada', city: 'Graz' }, associations: [] });
  const byAddress = await client.crm.contacts.basicApi.getById('ada@example.com', ['firstname', 'city', 'nonsense'], ['city'], undefined, false, 'email');
  const changed = await client.crm.contacts.basicApi.update('ada@example.com', { properties: { city: 'Wien', firstname: '' } }, 'email');
  const after = await client.crm.contacts.basicApi.getById(made.id, ['firstname', 'city'], ['city']);

  assert.equal(made.properties.email, 'ada@example.com');
  assert.equal(byAddress.id, made.id);
  assert.equal('nonsense' in byAddress.properties, false);
  assert.equal(changed.properties.city, 'Wien');
  assert.equal(after.properties.firstname, null);
  assert.deepEqual(after.propertiesWithHistory.city.map((v) => [v.value, v.sourceType, v.sourceId]), [['Wien', 'INTEGRATION', '9393362'], ['Graz', 'INTEGRATION', '9393362']]);

  const twice = await refused(client.crm.contacts.basicApi.create({ properties: { email: 'ADA@example.com' }, associations: [] }));
  assert.equal(twice.code, 409);
  assert.equal(twice.body.message, `Contact already exists. Existing ID: ${made.id}`);
  const wrong = await refused(client.crm.contacts.basicApi.update(made.id, { properties: { shoe_size: '44', email: 'none' } }));
  assert.equal(wrong.code, 400);
  assert.deepEqual(wrong.body.errors.map((e) => [e.context.propertyName[0], e.code]).sort(), [['email', 'INVALID_EMAIL'], ['shoe_size', 'PROPERTY_DOESNT_EXIST']]);

  await client.crm.contacts.basicApi.archive(made.id);
  assert.equal((await refused(client.crm.contacts.basicApi.getById(made.id))).code, 404);
  assert.equal((await client.crm.contacts.basicApi.getById(made.id, undefined, undefined, undefined, true)).archived, true);
});

test('all records are paged through', async () => {
  const all = await client.crm.companies.getAll(2, undefined, ['name']);

  const { records } = await sandbox.control('GET', 'figures');
  assert.equal(all.length, records.companies);
  assert.equal(new Set(all.map((c) => c.id)).size, all.length);
});

test('a search finds by an index that lags, page by page, and never too deep', async () => {
  // Five searches a second are allowed: this client waits and tries again.
  const client = connect({ numberOfApiCallRetries: 4 });
  const search = (after) => ({ filterGroups: [{ filters: [{ propertyName: 'email', operator: 'HAS_PROPERTY' }] }], sorts: ['hs_object_id'], properties: ['email'], limit: 20, after, query: '' });
  await until(async () => (await client.crm.contacts.searchApi.doSearch(search(0))).total >= 30, 'the seed is indexed');
  const first = await client.crm.contacts.searchApi.doSearch(search(0));
  const second = await client.crm.contacts.searchApi.doSearch(search(first.paging.next.after));
  const unseen = await client.crm.contacts.basicApi.create({ properties: { email: 'late@example.com' }, associations: [] });
  const find = () => client.crm.contacts.searchApi.doSearch({ filterGroups: [{ filters: [{ propertyName: 'email', operator: 'EQ', value: 'late@example.com' }] }], sorts: [], properties: [], limit: 1, after: 0 });

  assert.equal(first.results.length, 20);
  assert.ok(second.results.length >= 10);
  assert.equal(second.results.some((r) => first.results.some((f) => f.id === r.id)), false);
  assert.equal((await find()).total, 0);
  assert.equal((await until(async () => (await find()).results[0], 'the contact is indexed')).id, unseen.id);
  assert.equal((await refused(client.crm.contacts.searchApi.doSearch({ ...search(0), after: 9999 }))).code, 400);
});

test('a batch with a failing row tells which one, if its rows can be told apart', async () => {
  const row = (email, trace) => ({ properties: { email }, associations: [], ...(trace ? { objectWriteTraceId: trace } : {}) });
  const whole = await refused(client.crm.contacts.batchApi.create({ inputs: [row('one@example.com'), row('not an address')] }));
  const parts = await client.crm.contacts.batchApi.create({ inputs: [row('one@example.com', 'a'), row('not an address', 'b')] });
  const [one] = parts.results;
  const updated = await client.crm.contacts.batchApi.update({ inputs: [{ id: one.id, properties: { city: 'Linz' } }, { id: '999', properties: { city: 'Linz' } }] });
  const read = await client.crm.contacts.batchApi.read({ inputs: [{ id: 'one@example.com' }, { id: 'nobody@example.com' }], idProperty: 'email', properties: ['city'], propertiesWithHistory: [] });

  assert.equal(whole.code, 400);
  assert.equal(parts.results.length, 1);
  assert.equal(parts.numErrors, 1);
  assert.deepEqual(parts.errors[0].context.objectWriteTraceId, ['b']);
  assert.deepEqual(updated.errors[0].context.ids, ['999']);
  assert.equal(updated.results[0].properties.city, 'Linz');
  assert.equal(read.results[0].properties.city, 'Linz');
  assert.deepEqual(read.errors[0].context.ids, ['nobody@example.com']);
});

test('an upsert by a unique property makes and changes, and a batch archives', async () => {
  const upsert = (key, city) => client.crm.contacts.batchApi.upsert({ inputs: [{ id: key, idProperty: 'hub_key', properties: { lastname: 'Key', city } }] });
  const made = await upsert('k.1', 'Graz');
  const changed = await upsert('k.1', 'Wien');
  await client.crm.contacts.batchApi.archive({ inputs: [{ id: made.results[0].id }] });

  assert.equal(made.results[0]._new, true);
  assert.equal(changed.results[0]._new, false);
  assert.equal(changed.results[0].id, made.results[0].id);
  assert.equal((await refused(client.crm.contacts.basicApi.getById(made.results[0].id))).code, 404);
});

test('owners are listed, and only a known one can own', async () => {
  const { results } = await client.crm.owners.ownersApi.getPage(undefined, undefined, 100, false);
  const one = await client.crm.owners.ownersApi.getById(results[0].userId, 'userId', false);
  const made = await client.crm.contacts.basicApi.create({ properties: { email: 'owned@example.com', hubspot_owner_id: results[0].id }, associations: [] });

  assert.equal(one.id, results[0].id);
  assert.equal(made.properties.hubspot_owner_id, results[0].id);
  assert.equal((await refused(client.crm.contacts.basicApi.update(made.id, { properties: { hubspot_owner_id: '1' } }))).body.errors[0].code, 'INVALID_OWNER_ID');
});

test('a contact has one primary company, and associations carry labels', async () => {
  const contact = await client.crm.contacts.basicApi.create({ properties: { email: 'belongs@example.com' }, associations: [] });
  const [first, second] = [await client.crm.companies.basicApi.create({ properties: { name: 'One' }, associations: [] }), await client.crm.companies.basicApi.create({ properties: { name: 'Two' }, associations: [] })];
  const primary = [{ associationCategory: 'HUBSPOT_DEFINED', associationTypeId: 1 }];
  await client.crm.associations.v4.basicApi.create('contacts', contact.id, 'companies', first.id, primary);
  await client.crm.associations.v4.basicApi.createDefault('contacts', contact.id, 'companies', second.id);
  await client.crm.associations.v4.basicApi.create('contacts', contact.id, 'companies', second.id, primary);
  const page = await client.crm.associations.v4.basicApi.getPage('contacts', contact.id, 'companies');
  const whole = await client.crm.contacts.basicApi.getById(contact.id, ['associatedcompanyid'], undefined, ['companies']);

  const types = Object.fromEntries(page.results.map((r) => [r.toObjectId, r.associationTypes.map((t) => t.typeId).sort()]));
  assert.deepEqual(types, { [first.id]: [279], [second.id]: [1, 279] });
  assert.equal(whole.properties.associatedcompanyid, second.id);
  assert.equal(whole.associations.companies.results.length, 3);

  await client.crm.associations.v4.basicApi.archive('contacts', contact.id, 'companies', first.id);
  assert.equal((await client.crm.associations.v4.basicApi.getPage('contacts', contact.id, 'companies')).results.length, 1);
});

test('a merge makes a third record, to which the old ids lead', async () => {
  const make = (email, city) => client.crm.contacts.basicApi.create({ properties: { email, ...(city ? { city } : {}) }, associations: [] });
  const [one, other] = [await make('primary@example.com'), await make('other@example.com', 'Graz')];
  const answer = await client.apiRequest({ method: 'POST', path: '/crm/v3/objects/contacts/merge', body: { primaryObjectId: one.id, objectIdToMerge: other.id } });
  const merged = await answer.json();
  const byOld = await client.crm.contacts.basicApi.getById(other.id, ['email', 'city', 'hs_additional_emails', 'hs_merged_object_ids']);
  const batch = await client.crm.contacts.batchApi.update({ inputs: [{ id: one.id, properties: { city: 'Linz' } }] });

  assert.notEqual(merged.id, one.id);
  assert.equal(byOld.id, merged.id);
  assert.deepEqual([byOld.properties.email, byOld.properties.city, byOld.properties.hs_additional_emails], ['primary@example.com', 'Graz', 'other@example.com']);
  assert.equal(byOld.properties.hs_merged_object_ids, `${one.id};${other.id}`);
  assert.deepEqual([batch.results.length, batch.numErrors], [0, undefined]);
});

test('an earlier lifecycle stage is passed over in silence', async () => {
  const made = await client.crm.contacts.basicApi.create({ properties: { email: 'stage@example.com', lifecyclestage: 'customer' }, associations: [] });
  const answer = await client.crm.contacts.basicApi.update(made.id, { properties: { lifecyclestage: 'lead' } });
  await client.crm.contacts.basicApi.update(made.id, { properties: { lifecyclestage: '' } });
  await client.crm.contacts.basicApi.update(made.id, { properties: { lifecyclestage: 'lead' } });

  assert.equal(answer.properties.lifecyclestage, 'customer');
  assert.equal((await client.crm.contacts.basicApi.getById(made.id, ['lifecyclestage'])).properties.lifecyclestage, 'lead');
});

test('a limit is told in the words that the client retries on', async () => {
  const patient = connect({ numberOfApiCallRetries: 3 });
  await sandbox.control('POST', 'faults', { kind: 'throttle', operation: 'search' });
  await sandbox.control('POST', 'faults', { kind: 'outage', operation: 'list' });
  const found = await patient.crm.contacts.searchApi.doSearch({ filterGroups: [], sorts: [], properties: [], limit: 1, after: 0 });
  const listed = await patient.crm.contacts.basicApi.getPage(1);
  await sandbox.control('POST', 'faults', { kind: 'throttle', operation: 'list' });
  const refusal = await refused(client.crm.contacts.basicApi.getPage(1));
  const burst = await Promise.all(Array.from({ length: 200 }, () => fetch(`${sandbox.base}/account-info/v3/details`, { headers: { authorization: 'Bearer sandbox-token-2' } })));

  assert.equal(found.results.length, 1);
  assert.equal(listed.results.length, 1);
  assert.equal(refusal.code, 429);
  assert.equal(refusal.body.policyName, 'TEN_SECONDLY_ROLLING');
  const limited = burst.find((r) => r.status === 429);
  assert.equal((await limited.json()).message, 'You have reached your ten_secondly_rolling limit.');
  assert.equal(limited.headers.get('x-hubspot-ratelimit-remaining'), '0');
  assert.equal(limited.headers.get('retry-after'), null);
});

test('changes by the API and by persons are told in signed batches', async () => {
  const events = [];
  const verdicts = [];
  const server = createServer((request, response) => {
    const chunks = [];
    request.on('data', (chunk) => chunks.push(chunk));
    request.on('end', () => {
      const requestBody = Buffer.concat(chunks).toString('utf8');
      const timestamp = Number(request.headers['x-hubspot-request-timestamp']);
      const url = `http://127.0.0.1:${server.address().port}${request.url}`;
      verdicts.push(Signature.isValid({ signatureVersion: 'v3', signature: request.headers['x-hubspot-signature-v3'], clientSecret: 'sandbox', requestBody, method: 'POST', url, timestamp }));
      verdicts.push(Signature.isValid({ signatureVersion: 'v1', signature: request.headers['x-hubspot-signature'], clientSecret: 'sandbox', requestBody }));
      // The first call is answered with an error: the events come again.
      response.statusCode = verdicts.length === 2 ? 500 : 204;
      if (response.statusCode === 204) events.push(...JSON.parse(requestBody));
      response.end();
    });
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  try {
    const admin = connect({ accessToken: undefined, developerApiKey: 'sandbox' });
    await admin.webhooks.settingsApi.configure(app, { targetUrl: `http://127.0.0.1:${server.address().port}/hooks`, throttling: { maxConcurrentRequests: 10 } });
    for (const [eventType, propertyName] of [['contact.creation'], ['contact.deletion'], ['contact.merge'], ['contact.propertyChange', 'email'], ['contact.propertyChange', 'city'], ['contact.associationChange']])
      await admin.webhooks.subscriptionsApi.create(app, { eventType, propertyName, active: true });
    const given = await client.oauth.tokensApi.create('refresh_token', undefined, undefined, 'sandbox', 'sandbox', 'sandbox-refresh');
    const oauth = connect({ accessToken: given.accessToken });
    const made = await oauth.crm.contacts.basicApi.create({ properties: { email: 'told@example.com' }, associations: [] });
    await sandbox.control('PATCH', `records/contacts/${made.id}`, { city: 'Wien' }, '77');
    await oauth.crm.contacts.basicApi.archive(made.id);

    const mine = () => events.filter((e) => String(e.objectId) === made.id);
    await until(() => mine().length >= 4, 'all events are told');
    assert.ok(verdicts.every((v) => v));
    assert.deepEqual(mine().map((e) => e.subscriptionType).sort(), ['contact.creation', 'contact.deletion', 'contact.propertyChange', 'contact.propertyChange']);
    const city = mine().find((e) => e.propertyName === 'city');
    assert.deepEqual([city.propertyValue, city.changeSource, city.sourceId, city.portalId], ['Wien', 'CRM_UI', 'userId:77', 49547190]);
    const creation = mine().find((e) => e.subscriptionType === 'contact.creation');
    assert.deepEqual([creation.changeSource, creation.sourceId, creation.appId], ['INTEGRATION', String(app), app]);
    assert.ok(mine().some((e) => e.attemptNumber === 1));
  } finally {
    server.close();
  }
});

test('the log counts what really happened to a record', async () => {
  const made = await client.crm.contacts.basicApi.create({ properties: { email: 'counted@example.com' }, associations: [] });
  await client.crm.contacts.basicApi.update(made.id, { properties: { city: 'Graz' } });
  await client.crm.contacts.basicApi.update(made.id, { properties: { city: 'Graz' } });

  const { writes } = await sandbox.control('GET', `writes?object=contacts&record=${made.id}`);
  assert.deepEqual(writes.map((w) => [w.kind, Object.keys(w.fields)]), [['created', ['email']], ['changed', ['city']]]);
});
