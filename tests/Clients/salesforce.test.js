// jsforce and the Pub/Sub API client, as they come from the registry, against the sandbox.
import assert from 'node:assert/strict';
import { createSign, generateKeyPairSync } from 'node:crypto';
import { after, before, test } from 'node:test';
import jsforce from 'jsforce';
import PubSubApiClient from 'salesforce-pubsub-api-client';
import { start, until } from './sandbox.js';

let sandbox;
let conn;
let people;

const connect = async (more = {}) => {
  const made = new jsforce.Connection({ instanceUrl: sandbox.base, version: '62.0', oauth2: { clientId: 'sandbox', clientSecret: 'sandbox', loginUrl: sandbox.base }, ...more });
  await made.authorize({ grant_type: 'client_credentials' });
  return made;
};

const refused = async (promise) => {
  try {
    await promise;
  } catch (problem) {
    return problem;
  }
  throw new Error('It was not refused.');
};

before(async () => {
  sandbox = await start('salesforce', ['salesforce', 'salesforce-pubsub']);
  conn = await connect({ callOptions: { client: 'synchub' } });
  people = await sandbox.control('GET', 'salesforce/people');
});

after(async () => {
  await sandbox?.stop();
});

test('client credentials, a JWT and a code sign in, and anything else does not', async () => {
  const me = await conn.identity();
  assert.equal(me.user_id, people.integration);
  assert.equal(me.organization_id.length, 18);

  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  await fetch(`${sandbox.base}/_control/salesforce/key`, { method: 'PUT', body: publicKey.export({ type: 'spki', format: 'pem' }) });
  const assertion = (claims) => {
    const part = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
    const text = `${part({ alg: 'RS256' })}.${part({ iss: 'sandbox', sub: 'admin@sandbox.example', aud: sandbox.base, exp: Math.floor(Date.now() / 1000) + 180, ...claims })}`;
    return `${text}.${createSign('RSA-SHA256').update(text).sign(privateKey, 'base64url')}`;
  };
  const bearer = new jsforce.Connection({ oauth2: { loginUrl: sandbox.base } });
  await bearer.authorize({ grant_type: 'urn:ietf:params:oauth:grant-type:jwt-bearer', assertion: assertion({}) });
  assert.equal((await bearer.identity()).user_id, people.admin);
  const unapproved = await refused(new jsforce.Connection({ oauth2: { loginUrl: sandbox.base } }).authorize({ grant_type: 'urn:ietf:params:oauth:grant-type:jwt-bearer', assertion: assertion({ sub: 'sofia.sales@sandbox.example' }) }));
  assert.match(unapproved.message, /user hasn't approved this consumer/);

  const web = new jsforce.Connection({ oauth2: { clientId: 'sandbox', clientSecret: 'sandbox', redirectUri: 'http://localhost:9/back', loginUrl: sandbox.base } });
  const sent = await fetch(web.oauth2.getAuthorizationUrl({ scope: 'api refresh_token', state: 'abc' }), { redirect: 'manual' });
  const back = new URL(sent.headers.get('location'));
  await web.authorize(back.searchParams.get('code'));
  assert.equal(back.searchParams.get('state'), 'abc');
  assert.ok(web.refreshToken);
  assert.equal((await web.identity()).user_id, people.admin);

  assert.equal((await refused(connect({ oauth2: { clientId: 'sandbox', clientSecret: 'wrong', loginUrl: sandbox.base } }))).name, 'invalid_client');
  const stranger = new jsforce.Connection({ instanceUrl: sandbox.base, accessToken: 'nonsense', version: '62.0' });
  assert.equal((await refused(stranger.query('SELECT Id FROM Contact'))).errorCode, 'INVALID_SESSION_ID');
});

test('a session that ended is opened again by the client', async () => {
  let renewed = 0;
  const short = new jsforce.Connection({
    instanceUrl: sandbox.base,
    version: '62.0',
    accessToken: 'expired',
    refreshFn: async (_, done) => {
      renewed++;
      done(null, (await connect()).accessToken);
    },
  });

  assert.ok((await short.query('SELECT COUNT() FROM Contact')).totalSize >= 30);
  assert.equal(renewed, 1);
});

test('objects describe themselves', async () => {
  const all = await conn.describeGlobal();
  const contact = await conn.sobject('Contact').describe();
  const field = (name) => contact.fields.find((f) => f.name === name);

  assert.ok(all.sobjects.some((s) => s.name === 'Lead' && s.keyPrefix === '00Q'));
  assert.equal(contact.keyPrefix, '003');
  assert.deepEqual([field('LastName').type, field('LastName').length, field('LastName').nillable], ['string', 80, false]);
  assert.deepEqual([field('Hub_Key__c').externalId, field('Hub_Key__c').unique, field('Hub_Key__c').idLookup], [true, true, true]);
  assert.deepEqual([field('AccountId').referenceTo, field('AccountId').relationshipName], [['Account'], 'Account']);
  assert.equal(field('MailingAddress').type, 'address');
  assert.ok(field('LeadSource').picklistValues.some((v) => v.value === 'Web'));

  await sandbox.control('POST', 'faults', { kind: 'hideField', object: 'Contact', field: 'HasOptedOutOfEmail' });
  const less = await fetch(`${sandbox.base}/services/data/v62.0/sobjects/Contact/describe`, { headers: { authorization: `Bearer ${conn.accessToken}` } });
  assert.ok(!(await less.json()).fields.some((f) => f.name === 'HasOptedOutOfEmail'));
  assert.equal((await refused(conn.query('SELECT HasOptedOutOfEmail FROM Contact'))).errorCode, 'INVALID_FIELD');
  await sandbox.control('POST', 'faults', { kind: 'showField', object: 'Contact', field: 'HasOptedOutOfEmail' });
});

test('a record is created, read, updated and deleted', async () => {
  const made = await conn.sobject('Contact').create({ FirstName: ' Ada ', LastName: 'Lovelace', Email: 'ada@example.com', MailingCity: 'London', Birthdate: '1815-12-10', Description: '' });
  const read = await conn.sobject('Contact').retrieve(made.id);

  assert.deepEqual([made.success, made.id.length, made.id.slice(0, 3)], [true, 18, '003']);
  assert.deepEqual([read.Name, read.FirstName, read.MailingAddress.city, read.Birthdate, read.Description, read.DoNotCall], ['Ada Lovelace', 'Ada', 'London', '1815-12-10', null, false]);
  assert.match(read.SystemModstamp, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.000\+0000$/);
  assert.equal(read.OwnerId, people.integration);

  await conn.sobject('Contact').update({ Id: made.id.slice(0, 15), MailingCity: null, Title: 'Countess' });
  const changed = await conn.sobject('Contact').retrieve(made.id);
  assert.deepEqual([changed.MailingAddress, changed.Title], [null, 'Countess']);

  const sql = await refused(conn.sobject('Contact').update({ Id: made.id, Email: 'no address' }));
  assert.equal(sql.errorCode, 'INVALID_EMAIL_ADDRESS');
  assert.equal((await refused(conn.sobject('Contact').create({ FirstName: 'X' }))).message, 'Required fields are missing: [LastName]');
  assert.equal((await refused(conn.sobject('Contact').create({ LastName: 'X', Nonsense: 1 }))).errorCode, 'INVALID_FIELD');
  assert.equal((await refused(conn.sobject('Contact').create({ LastName: 'X', Level__c: 'Fourth' }))).errorCode, 'INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST');
  assert.equal((await refused(conn.sobject('Contact').create({ LastName: 'X', FirstName: 'x'.repeat(41) }))).errorCode, 'STRING_TOO_LONG');
  assert.equal((await refused(conn.sobject('Contact').create({ LastName: 'X', OwnerId: people.leadQueue }))).errorCode, 'FIELD_INTEGRITY_EXCEPTION');
  assert.equal((await refused(conn.sobject('Contact').create({ LastName: 'X', OwnerId: people.inactive }))).errorCode, 'INACTIVE_OWNER_OR_USER');

  await conn.sobject('Contact').destroy(made.id);
  assert.equal((await refused(conn.sobject('Contact').retrieve(made.id))).errorCode, 'ENTITY_IS_DELETED');
});

test('records are queried, paged and counted', async () => {
  const contacts = await conn.query('SELECT Id, LastName, Account.Name, Owner.Name FROM Contact WHERE Account.Name != null ORDER BY LastName, Id LIMIT 5');
  assert.equal(contacts.records.length, 5);
  assert.ok(contacts.records[0].Account.Name.length > 0);
  assert.deepEqual(contacts.records.map((r) => r.LastName), contacts.records.map((r) => r.LastName).toSorted());

  const accounts = await conn.query("SELECT Name, (SELECT LastName FROM Contacts) FROM Account WHERE NOT (Name LIKE 'zzz%') AND (NumberOfEmployees > 0 OR Phone = null)");
  assert.equal(accounts.records.length, 3);
  assert.equal(accounts.records.reduce((sum, a) => sum + (a.Contacts?.totalSize ?? 0), 0), 30);

  const rows = Array.from({ length: 450 }, (_, i) => ({ LastName: `Page ${String(i).padStart(3, '0')}`, Company: 'Pages', Email: `page${i}@example.com` }));
  for (let i = 0; i < rows.length; i += 200) assert.ok((await conn.sobject('Lead').create(rows.slice(i, i + 200))).every((r) => r.success));
  const first = await conn.query("SELECT Id, LastName FROM Lead WHERE Company = 'pages' ORDER BY LastName", { headers: { 'Sforce-Query-Options': 'batchSize=200' } });
  assert.deepEqual([first.totalSize, first.done, first.records.length], [450, false, 200]);
  const all = [...first.records];
  for (let page = first; !page.done; ) {
    page = await conn.queryMore(page.nextRecordsUrl);
    all.push(...page.records);
  }
  assert.equal(new Set(all.map((r) => r.Id)).size, 450);
  assert.equal(all[449].LastName, 'Page 449');
  assert.equal((await conn.query("SELECT COUNT() FROM Lead WHERE Company = 'Pages'")).totalSize, 450);
  const groups = await conn.query('SELECT Status, COUNT(Id) total FROM Lead GROUP BY Status');
  assert.equal(groups.records.find((r) => r.Status === 'Open - Not Contacted').total, 450);
  assert.equal((await conn.query("SELECT Id FROM Lead WHERE Company = 'Pages' ORDER BY LastName LIMIT 10 OFFSET 445")).records.length, 5);
  assert.equal((await conn.query('SELECT Id FROM Lead WHERE CreatedDate = TODAY AND Status IN (\'Open - Not Contacted\')')).totalSize, 450);
  assert.equal((await refused(conn.query('SELECT Id FROM Lead WHERE Id != null AND Name != null OR Name = null'))).errorCode, 'MALFORMED_QUERY');
  assert.equal((await refused(conn.queryMore('/services/data/v62.0/query/01gxx0000000001AAA-2000'))).errorCode, 'INVALID_QUERY_LOCATOR');
});

test('an upsert creates, updates, and refuses to choose among several', async () => {
  const contacts = conn.sobject('Contact');
  const made = await contacts.upsert({ Hub_Key__c: 'k.1', LastName: 'Key' }, 'Hub_Key__c');
  const again = await contacts.upsert({ Hub_Key__c: 'k.1', Title: 'Boss' }, 'Hub_Key__c');
  assert.deepEqual([made.created, again.created, made.id === again.id], [true, false, true]);
  assert.equal((await contacts.findOne({ Hub_Key__c: 'k.1' }, ['Title'])).Title, 'Boss');
  assert.equal((await refused(contacts.create({ LastName: 'Other', Hub_Key__c: 'k.1' }))).errorCode, 'DUPLICATE_VALUE');

  await contacts.create([{ LastName: 'A', Legacy_Id__c: 'L 1' }, { LastName: 'B', Legacy_Id__c: 'L 1' }]);
  const many = await refused(contacts.upsert({ Legacy_Id__c: 'L 1', Title: 'x' }, 'Legacy_Id__c'));
  assert.equal(many.errorCode, 'MULTIPLE_CHOICES');
  assert.equal((await refused(contacts.upsert({ Nope__c: '1', LastName: 'x' }, 'Nope__c'))).errorCode, 'NOT_FOUND');

  const raw = await fetch(`${sandbox.base}/services/data/v62.0/sobjects/Contact/Legacy_Id__c/L%201`, { method: 'PATCH', headers: { authorization: `Bearer ${conn.accessToken}`, 'content-type': 'application/json' }, body: '{"Title":"x"}' });
  assert.equal(raw.status, 300);
  assert.match((await raw.json())[0], /^\/services\/data\/v62\.0\/sobjects\/Contact\/003/);
});

test('a batch with a failing row saves the others, or none if asked', async () => {
  const rows = [{ LastName: 'Good' }, { FirstName: 'Bad' }, { LastName: 'Fine' }];
  const each = await conn.sobject('Contact').create(rows);
  assert.deepEqual(each.map((r) => r.success), [true, false, true]);
  assert.equal(each[1].errors[0].statusCode, 'REQUIRED_FIELD_MISSING');
  assert.deepEqual(each[1].errors[0].fields, ['LastName']);

  const none = await conn.sobject('Contact').create(rows, { allOrNone: true });
  assert.deepEqual(none.map((r) => r.errors[0].statusCode), ['ALL_OR_NONE_OPERATION_ROLLED_BACK', 'REQUIRED_FIELD_MISSING', 'ALL_OR_NONE_OPERATION_ROLLED_BACK']);
  const upserted = await conn.sobject('Contact').upsert([{ Hub_Key__c: 'b.1', LastName: 'One' }, { Hub_Key__c: 'b.2', Email: 'nonsense' }, { Hub_Key__c: 'b.3', LastName: 'Three' }], 'Hub_Key__c');
  assert.deepEqual(upserted.map((r) => [r.success, r.created]), [[true, true], [false, undefined], [true, true]]);
  const updated = await conn.sobject('Contact').update([{ Id: each[0].id, Title: 'T' }, { Id: '003000000000000AAA', Title: 'T' }]);
  assert.deepEqual(updated.map((r) => r.success), [true, false]);
  const gone = await conn.sobject('Contact').destroy([each[0].id, each[2].id, each[2].id]);
  assert.deepEqual(gone.map((r) => r.success), [true, true, false]);
});

test('composite calls refer to each other and stand or fall together', async () => {
  const made = await conn.request({
    method: 'POST',
    url: '/services/data/v62.0/composite',
    body: JSON.stringify({
      allOrNone: true,
      compositeRequest: [
        { method: 'POST', url: '/services/data/v62.0/sobjects/Account', referenceId: 'acc', body: { Name: 'Acme' } },
        { method: 'POST', url: '/services/data/v62.0/sobjects/Contact', referenceId: 'con', body: { LastName: 'Doe', AccountId: '@{acc.id}' } },
        { method: 'GET', url: '/services/data/v62.0/sobjects/Contact/@{con.id}?fields=AccountId', referenceId: 'get' },
      ],
    }),
    headers: { 'content-type': 'application/json' },
  });
  assert.deepEqual(made.compositeResponse.map((r) => r.httpStatusCode), [201, 201, 200]);
  assert.equal(made.compositeResponse[2].body.AccountId, made.compositeResponse[0].body.id);

  const failed = await conn.request({
    method: 'POST',
    url: '/services/data/v62.0/composite',
    body: JSON.stringify({
      allOrNone: true,
      compositeRequest: [
        { method: 'POST', url: '/services/data/v62.0/sobjects/Account', referenceId: 'acc', body: { Name: 'Never' } },
        { method: 'POST', url: '/services/data/v62.0/sobjects/Contact', referenceId: 'con', body: { AccountId: '@{acc.id}' } },
      ],
    }),
    headers: { 'content-type': 'application/json' },
  });
  assert.equal(failed.compositeResponse[0].body[0].errorCode, 'PROCESSING_HALTED');
  assert.equal(failed.compositeResponse[1].body[0].errorCode, 'REQUIRED_FIELD_MISSING');
  assert.equal((await conn.query("SELECT COUNT() FROM Account WHERE Name = 'Never'")).totalSize, 0);
});

test('the bulk interface loads files with bad rows and gives files back', async () => {
  const rows = Array.from({ length: 500 }, (_, i) => ({ Hub_Key__c: `bulk.${i}`, LastName: i === 250 ? '' : `Bulk, "${i}"`, MailingCity: 'Graz' }));
  const results = await conn.bulk2.loadAndWaitForResults({ object: 'Contact', operation: 'upsert', externalIdFieldName: 'Hub_Key__c', input: rows, pollInterval: 100, pollTimeout: 30_000 });
  assert.equal(results.successfulResults.length, 499);
  assert.equal(results.failedResults.length, 1);
  assert.match(results.failedResults[0].sf__Error, /^REQUIRED_FIELD_MISSING:Required fields are missing: \[LastName\]:LastName --$/);

  const found = [];
  const stream = await conn.bulk2.query("SELECT Id, LastName, Account.Name FROM Contact WHERE Hub_Key__c LIKE 'bulk.%'", { pollInterval: 100, pollTimeout: 30_000 });
  for await (const record of stream) found.push(record);
  assert.equal(found.length, 499);
  assert.ok(found.some((r) => r.LastName === 'Bulk, "7"'));
});

test('getUpdated and getDeleted tell who changed', async () => {
  const kept = await conn.sobject('Account').create({ Name: 'Kept' });
  const gone = await conn.sobject('Account').create({ Name: 'Gone' });
  await conn.sobject('Account').destroy(gone.id);
  const from = new Date(Date.now() - 5 * 60_000).toISOString();
  const to = new Date(Date.now() + 2 * 60_000).toISOString();

  const updated = await conn.sobject('Account').updated(from, to);
  const deleted = await conn.sobject('Account').deleted(from, to);

  assert.ok(updated.ids.includes(kept.id) && !updated.ids.includes(gone.id));
  assert.ok(deleted.deletedRecords.some((r) => r.id === gone.id));
  assert.ok(new Date(updated.latestDateCovered.replace('+0000', 'Z')) <= new Date(to));
  assert.equal((await refused(conn.sobject('Account').deleted(from, from))).errorCode, 'INVALID_REPLICATION_DATE');
});

test('duplicate rules, validation rules, automation and locks do what an admin made them do', async () => {
  await sandbox.control('PUT', 'salesforce/rules', {
    duplicateRules: [{ name: 'Contact_Rule', object: 'Contact', fields: ['Email', 'LastName'] }],
    validationRules: [{ name: 'Title', object: 'Contact', when: "Title = 'Emperor'", message: 'There is no emperor.', field: 'Title' }],
    flows: [{ name: 'Shout', object: 'Contact', when: "Department != null", set: { Department: '{!upper Department}' } }],
  });
  const made = await conn.sobject('Contact').create({ LastName: 'Twin', Email: 'twin@example.com', Department: 'sales' });
  assert.equal((await conn.sobject('Contact').retrieve(made.id)).Department, 'SALES');

  const twice = await refused(conn.sobject('Contact').create({ LastName: 'twin', Email: 'TWIN@example.com' }));
  assert.equal(twice.errorCode, 'DUPLICATES_DETECTED');
  assert.equal(twice.data?.duplicateResult?.matchResults?.[0]?.matchRecords?.[0]?.record?.Id ?? made.id, made.id);
  const allowed = await conn.sobject('Contact').create({ LastName: 'twin', Email: 'TWIN@example.com' }, { headers: { 'Sforce-Duplicate-Rule-Header': 'allowSave=true' } });
  assert.ok(allowed.success);
  const emperor = await refused(conn.sobject('Contact').update({ Id: made.id, Title: 'Emperor' }));
  assert.deepEqual([emperor.errorCode, emperor.message], ['FIELD_CUSTOM_VALIDATION_EXCEPTION', 'There is no emperor.']);

  await sandbox.control('PUT', 'salesforce/settings', { lockWaitSeconds: 0 });
  await sandbox.control('POST', 'faults', { kind: 'lockRow', record: made.id, milliseconds: 60_000 });
  assert.equal((await refused(conn.sobject('Contact').update({ Id: made.id, Title: 'x' }))).errorCode, 'UNABLE_TO_LOCK_ROW');
  await sandbox.control('POST', 'faults', { kind: 'lockRow', record: made.id, milliseconds: 0 });
  await sandbox.control('PUT', 'salesforce/rules', { duplicateRules: [], validationRules: [], flows: [] });
});

test('a merge leaves a winner, and a converted lead is closed', async () => {
  const [winner, loser] = await conn.sobject('Contact').create([{ LastName: 'Winner' }, { LastName: 'Loser' }]);
  await sandbox.control('POST', 'faults', { kind: 'merge', record: winner.id, value: loser.id });
  const [row] = (await conn.query(`SELECT IsDeleted, MasterRecordId FROM Contact WHERE Id = '${loser.id}'`, { scanAll: true })).records;
  assert.deepEqual([row.IsDeleted, row.MasterRecordId], [true, winner.id]);

  const lead = await conn.sobject('Lead').create({ LastName: 'Prospect', Company: 'Prospects', Email: 'p@example.com' });
  await sandbox.control('POST', 'faults', { kind: 'convert', record: lead.id });
  const read = await conn.sobject('Lead').retrieve(lead.id);
  assert.equal(read.IsConverted, true);
  assert.equal((await conn.sobject('Contact').retrieve(read.ConvertedContactId)).AccountId, read.ConvertedAccountId);
  assert.equal((await refused(conn.sobject('Lead').update({ Id: lead.id, Title: 'x' }))).errorCode, 'CANNOT_UPDATE_CONVERTED_LEAD');
});

test('the limit is told with each call, and reached', async () => {
  await conn.query('SELECT Id FROM Contact LIMIT 1');
  assert.ok(conn.limitInfo.apiUsage.used > 0);
  assert.equal(conn.limitInfo.apiUsage.limit, 115_000);
  assert.ok((await conn.limits()).DailyApiRequests.Remaining < 115_000);

  await sandbox.control('PUT', 'salesforce/settings', { dailyApiRequests: 2 });
  await conn.query('SELECT Id FROM Contact LIMIT 1');
  await conn.query('SELECT Id FROM Contact LIMIT 1');
  const over = await refused(conn.query('SELECT Id FROM Contact LIMIT 1'));
  await sandbox.control('PUT', 'salesforce/settings', { dailyApiRequests: 115_000 });
  assert.deepEqual([over.errorCode, over.message], ['REQUEST_LIMIT_EXCEEDED', 'TotalRequests Limit exceeded.']);
});

test('faults answer in the words of the vendor, and what was lost was done all the same', async () => {
  // The client asks again by itself after an outage, as long as it only reads.
  await sandbox.control('POST', 'faults', { kind: 'outage', operation: 'query' });
  assert.equal((await conn.query('SELECT Id FROM Contact LIMIT 1')).records.length, 1);
  await sandbox.control('POST', 'faults', { kind: 'outage', operation: 'create' });
  assert.equal((await refused(conn.sobject('Account').create({ Name: 'Not done' }))).errorCode, 'SERVER_UNAVAILABLE');
  await sandbox.control('POST', 'faults', { kind: 'errorAfter', operation: 'create' });
  assert.equal((await refused(conn.sobject('Account').create({ Name: 'Done all the same' }))).errorCode, 'UNKNOWN_EXCEPTION');
  assert.equal((await conn.query("SELECT COUNT() FROM Account WHERE Name = 'Done all the same'")).totalSize, 1);
  await sandbox.control('POST', 'faults', { kind: 'rewrite', object: 'Account', field: 'Name', value: 'REWRITTEN' });
  const made = await conn.sobject('Account').create({ Name: 'Written' });
  assert.equal((await conn.sobject('Account').retrieve(made.id)).Name, 'REWRITTEN');
  await sandbox.control('POST', 'faults', { kind: 'fieldAdded', object: 'Account', field: 'Tier__c' });
  await conn.sobject('Account').update({ Id: made.id, Tier__c: 'gold' });
  await sandbox.control('POST', 'faults', { kind: 'fieldRemoved', object: 'Account', field: 'Tier__c' });
  assert.equal((await refused(conn.sobject('Account').update({ Id: made.id, Tier__c: 'silver' }))).errorCode, 'INVALID_FIELD');
});

test('changes are read from the stream: what changed, by whom, and again from where one stopped', async () => {
  const events = [];
  const problems = [];
  const open = async (subscribe) => {
    const client = new PubSubApiClient(
      { authType: 'oauth-client-credentials', loginUrl: sandbox.base, clientId: 'sandbox', clientSecret: 'sandbox', pubSubEndpoint: new URL(sandbox.addresses['salesforce-pubsub']).host, rejectUnauthorizedSsl: false },
      { debug() {}, info() {}, warn() {}, error() {} },
    );
    await client.connect();
    await subscribe(client, (subscription, type, data) => {
      if (type === 'event') events.push(data);
      if (type === 'error') problems.push(data);
    });
    return client;
  };
  const client = await open((c, told) => c.subscribe('/data/ContactChangeEvent', told));
  const header = (e) => e.payload.ChangeEventHeader;
  await until(async () => (await sandbox.control('GET', 'figures')) && true, 'the sandbox answers');
  const account = await conn.sobject('Account').create({ Name: 'Streams' });

  // The first subscription tells only what comes after it; so a record is made until one is told.
  const [first] = await until(async () => {
    await conn.sobject('Contact').create({ LastName: 'Probe' });
    return events.length > 0 && events;
  }, 'a first event', 20_000, 200);
  assert.equal(header(first).changeType, 'CREATE');

  const made = await conn.sobject('Contact').create({ FirstName: 'Eve', LastName: 'Stream', MailingCity: 'Wien', AccountId: account.id, Birthdate: '2000-01-02', DoNotCall: true, Score__c: 1.5 });
  const create = await until(() => events.find((e) => header(e).recordIds.includes(made.id)), 'the create is told');
  assert.deepEqual([create.payload.Name.LastName, create.payload.MailingAddress.City, create.payload.DoNotCall, create.payload.Score__c], ['Stream', 'Wien', true, 1.5]);
  assert.equal(header(create).changeOrigin, 'com/salesforce/api/rest/62.0;client=synchub');
  assert.equal(header(create).commitUser, people.integration);

  await conn.sobject('Contact').update({ Id: made.id, FirstName: 'Eva', MailingCity: null, Title: 'Dr' });
  const update = await until(() => events.find((e) => header(e).changeType === 'UPDATE' && header(e).recordIds.includes(made.id)), 'the update is told');
  assert.deepEqual(header(update).changedFields.toSorted(), ['LastModifiedDate', 'MailingAddress.City', 'Name.FirstName', 'Title']);
  assert.deepEqual(header(update).nulledFields, ['MailingAddress.City']);
  assert.deepEqual([update.payload.Title, update.payload.Name.FirstName, update.payload.Name.LastName, update.payload.Email], ['Dr', 'Eva', null, null]);

  await sandbox.control('PATCH', `records/Contact/${made.id}`, { Title: 'Prof' }, 'sofia.sales@sandbox.example');
  const person = await until(() => events.find((e) => header(e).commitUser === people.sales1 && header(e).recordIds.includes(made.id)), 'a person’s edit is told');
  assert.equal(header(person).changeOrigin, 'com/salesforce/api/soap/62.0;client=SfdcInternalAPI/');

  const several = await conn.sobject('Contact').create([{ LastName: 'M1' }, { LastName: 'M2' }]);
  await conn.sobject('Contact').update(several.map((r) => ({ Id: r.id, Department: 'Same' })));
  const merged = await until(() => events.find((e) => header(e).changeType === 'UPDATE' && header(e).recordIds.includes(several[0].id)), 'the same change of two is told at once');
  assert.deepEqual(header(merged).recordIds, several.map((r) => r.id));

  await sandbox.control('POST', 'faults', { kind: 'gap', object: 'Contact' });
  await conn.sobject('Contact').update({ Id: made.id, Title: 'Gap' });
  const gap = await until(() => events.find((e) => header(e).changeType === 'GAP_UPDATE'), 'a gap is told');
  assert.deepEqual([header(gap).recordIds, gap.payload.Title], [[made.id], null]);

  const long = 'line\n'.repeat(300);
  await conn.sobject('Contact').update({ Id: made.id, Description: long });
  await conn.sobject('Contact').update({ Id: made.id, Description: `${long}one more` });
  const diff = await until(() => events.find((e) => header(e).diffFields.includes('Description')), 'a long text is told as a diff');
  assert.match(diff.payload.Description, /^--- \n\+\+\+ [0-9a-f]{64}\n@@ /);

  await conn.sobject('Contact').destroy(made.id);
  const deleted = await until(() => events.find((e) => header(e).changeType === 'DELETE' && header(e).recordIds.includes(made.id)), 'the delete is told');
  await sandbox.control('POST', 'faults', { kind: 'undelete', record: made.id });
  await until(() => events.find((e) => header(e).changeType === 'UNDELETE'), 'the undelete is told');
  client.close();

  const known = events.length;
  const again = await open((c, told) => c.subscribeFromReplayId('/data/ContactChangeEvent', told, null, create.replayId));
  const replayed = await until(() => events.slice(known).find((e) => header(e).changeType === 'UNDELETE') && events.slice(known), 'the events come again');
  assert.ok(replayed[0].replayId > create.replayId);
  assert.ok(replayed.some((e) => e.replayId === deleted.replayId));
  again.close();

  await sandbox.control('POST', 'faults', { kind: 'forgetEvents' });
  problems.length = 0;
  const stale = await open((c, told) => c.subscribeFromReplayId('/data/ContactChangeEvent', told, null, create.replayId));
  const problem = await until(() => problems[0], 'an old replay id is refused');
  assert.match(JSON.stringify(problem.metadata?.internalRepr ? [...problem.metadata.internalRepr] : problem.message ?? problem), /replayid\.corrupted|Replay ID validation failed/);
  stale.close();
});
