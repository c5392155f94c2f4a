// Answers CloudFormation from a custom resource's function: what AWS provides beside inline code.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cfn-lambda-function-code-cfnresponsemodule.html
const https = require('https');
const { URL } = require('url');

exports.SUCCESS = 'SUCCESS';
exports.FAILED = 'FAILED';

exports.send = (event, context, responseStatus, responseData, physicalResourceId, noEcho) => new Promise((resolve) => {
  const body = JSON.stringify({
    Status: responseStatus,
    Reason: `See the details in CloudWatch Log Stream: ${context.logStreamName}`,
    PhysicalResourceId: physicalResourceId || context.logStreamName,
    StackId: event.StackId,
    RequestId: event.RequestId,
    LogicalResourceId: event.LogicalResourceId,
    NoEcho: noEcho || false,
    Data: responseData,
  });
  const to = new URL(event.ResponseURL);
  const end = () => { resolve(); if (context.done) context.done(); };
  const request = https.request({ hostname: to.hostname, port: to.port || 443, path: to.pathname + to.search, method: 'PUT',
    headers: { 'content-type': '', 'content-length': Buffer.byteLength(body) } }, (response) => {
    console.log(`Status code: ${response.statusCode}`);
    response.resume();
    end();
  });
  request.on('error', (error) => { console.log(`send(..) failed executing https.request(..): ${error}`); end(); });
  request.end(body);
});
