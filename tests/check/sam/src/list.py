import os

import boto3


def handler(event, context):
    table = boto3.resource('dynamodb').Table(os.environ['TABLE'])
    table.delete_item(Key={'id': 'old'})
    return table.scan()['Items']
